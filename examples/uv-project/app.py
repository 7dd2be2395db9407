import click
import iniconfig

click.echo(f"{iniconfig.__name__} comes from the lock")
