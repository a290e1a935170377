"""Named words of command lines: overrides, files and numbers by name."""

import pytest

from perception_kd.overrides import named_files, named_overrides, named_values


def test_groups_of_overrides_by_name():
    groups = [['day', 'split=a', 'size=[1,2]'], ['night', 'split=b']]
    assert named_overrides(groups, '--data') == dict(day={'split': 'a', 'size': [1, 2]}, night={'split': 'b'})


@pytest.mark.parametrize(('groups', 'said'), [
    ([['day']], "--data takes a name and its KEY=VALUE words, once for each name; got 'day'"),
    ([['day', 'a=1'], ['day', 'b=1']], 'once for each name'), ([['a=1', 'b=2']], "got 'a=1 b=2'"),
    ([['day', 'a']], "--data day: 'a' is not of the form KEY=VALUE"),
])
def test_groups_that_are_none(groups, said):
    with pytest.raises(ValueError, match=said):
        named_overrides(groups, '--data')


def test_values_and_files_by_name():
    assert named_values(['a=0.5', 'b=2'], '--metric', float) == dict(a=0.5, b=2.0)
    assert named_files(['a=x/one.pth', 'y=z/two.pth', 'lr=3/e.pth'], '--experts') == dict(
        a='x/one.pth', y='z/two.pth', lr='3/e.pth')
    assert named_files(['x/one=1.pth', 'two.pth'], '--experts') == {'one=1': 'x/one=1.pth', 'two': 'two.pth'}


@pytest.mark.parametrize(('words', 'said'), [
    (['a'], "'a' is not of the form NAME=VALUE"), (['a='], 'is not of the form'), (['a=1', 'a=2'], "'a' comes twice"),
    (['a=x'], "'x' in 'a=x' is no float"),
])
def test_values_that_are_none(words, said):
    with pytest.raises(ValueError, match=said):
        named_values(words, '--metric', float)
