"""Renders a page when the image is built."""

import os

import jinja2

PAGE = "<html><body><p>{{ greeting | upper }}</p></body></html>"

print(jinja2.Template(PAGE).render(greeting=os.environ["GREETING"]))
