import pandas
from flytekit import task, workflow


@task
def total(values: list[int]) -> int:
    return int(pandas.Series(values).sum())


@workflow
def run(values: list[int]) -> int:
    return total(values=values)


if __name__ == "__main__":
    print("total", run(values=[1, 2, 3]))
