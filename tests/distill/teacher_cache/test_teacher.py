"""A cached teacher: the live one's losses, and never an entry of something else."""

from __future__ import annotations

import copy
import io
import logging
import multiprocessing
import os
import signal
import struct
from pathlib import Path

import pytest
import torch

from perception_kd.distill import MapTeacher, TeacherGroup
from perception_kd.distill.teacher_cache import CachedTeacher
from perception_kd.distill.teacher_cache.entries import value_bytes
from perception_kd.distill.teacher_cache.values import packed
from perception_kd.files import DiskFullError
from tests.distill.teacher_cache.worlds import MASK, batch, cached, distiller, mirror, step
from tests.distill.toys import ToyTeacher, feature_pair, response_pair, toy_teacher
from tests.full_disk import file_size_limit


def entries(folder: Path) -> list[Path]:
    return sorted(file for file in folder.glob('lidar/*/*.pt') if not file.name.startswith('.'))


def say(teacher, *indices: int, taps=('bev_s8',), **matrices):
    return teacher.run(**batch(*indices, **matrices), taps=list(taps))


def teacher_of(folder: Path, **changes):
    return TeacherGroup.build(dict(lidar=cached(folder, **changes)))['lidar']


LOSSES = [dict(type='MSE', normalise=mode, channel=channel) for mode, channel in (
    (None, 'sum'), ('rms', 'mean'), ('channel_rms', 'mean'), ('l2', 'sum'), ('channel_std', 'mean'))]


@pytest.mark.parametrize('loss', [*LOSSES, dict(type='L1', normalise='rms'), dict(type='CWD')])
def test_cached_and_live_give_the_same_losses_and_gradients(tmp_path, loss):
    pairs = dict(plain=feature_pair(mask=MASK, loss=loss), response=response_pair())
    if loss['type'] != 'CWD':  # which takes no scale
        pairs['scaled'] = feature_pair(mask=dict(type='ActiveCells'), target_scale=MASK, loss=loss)
    live, first, again = (step(distiller(teacher, pairs), batch(0, 1, 2)) for teacher in (
        toy_teacher(), cached(tmp_path), cached(tmp_path)))
    assert len(entries(tmp_path)) == 3
    assert again[0] == first[0], 'bit for bit: a resumed run finds more entries than the one it goes on with'
    for losses, grads in (first, again):
        assert losses == pytest.approx(live[0], rel=1e-5)
        for name, grad in live[1].items():
            torch.testing.assert_close(grads[name], grad, rtol=1e-4, atol=1e-6)


def test_a_hit_does_not_ask_the_network_and_masked_entries_are_smaller(tmp_path):
    seen = []
    whole = cached(tmp_path / 'whole', store='whole')
    for teacher in (cached(tmp_path, seen), whole):
        step(distiller(teacher), batch(0, 1))
    model = distiller(cached(tmp_path, seen))
    step(model, batch(1, 0, 3))
    assert [token for token, _ in seen] == ['token0', 'token1', 'token3'], 'in the second run only the new one'
    assert {inputs for _, names in seen for inputs in names} == {'img'}, 'it sees what is in the key and nothing else'
    assert '2 samples from the cache, 1 computed' in model.teachers['lidar'].summary()
    cut, uncut = (value_bytes(torch.load(entries(folder)[0])['taps']) for folder in (tmp_path, tmp_path / 'whole'))
    assert cut < uncut


def test_with_a_checkpoint_the_network_is_not_even_built(tmp_path):
    model, path = ToyTeacher(), tmp_path / 'w.pth'
    torch.save(model.state_dict(), path)
    fresh = [dict(cached(tmp_path), checkpoint=str(path), allow_random=False) for _ in range(3)]
    first = distiller(fresh[0])
    live = step(first, batch(0, 1))
    assert first.teachers['lidar'].is_loaded
    first.teachers['lidar'].release()
    assert not first.teachers['lidar'].is_loaded
    model = distiller(fresh[1])
    assert step(model, batch(0, 1))[0] == pytest.approx(live[0], rel=1e-5)
    assert not model.teachers['lidar'].is_loaded and 'not loaded' in model.describe()
    through = feature_pair(teacher='lidar.head', loss=response_pair()['loss'],
                           through=dict(tap='lidar.bev_s8', function='lidar.head'))
    crossed = distiller(fresh[2], dict(cross=through))
    assert step(crossed, batch(0, 1))[0]['loss_distill.cross'] > 0 and crossed.teachers['lidar'].is_loaded


def test_a_checkpoint_replaced_while_the_cache_is_open_is_noticed(tmp_path):
    path = tmp_path / 'w.pth'
    for again in (False, True):
        torch.save(ToyTeacher().state_dict(), path)
        if not again:
            cfg = dict(cached(tmp_path), checkpoint=str(path), allow_random=False)
            say(TeacherGroup.build(dict(lidar=cfg))['lidar'], 0)
            open_one = TeacherGroup.build(dict(lidar=cfg))['lidar']
    say(open_one, 0)
    with pytest.raises(ValueError, match=r"teacher 'lidar': .*w\.pth was replaced after the cache was opened"):
        say(open_one, 0, 1)
    assert len(entries(tmp_path)) == 1


def test_a_cache_reads_what_its_teacher_is_given_under_another_name(tmp_path):
    with pytest.raises(ValueError, match='is given clean_img under another name, but its cache reads img'):
        distiller(dict(cached(tmp_path), renamed=dict(img='clean_img')))


def test_ready_teachers_of_other_settings_are_other_teachers(tmp_path):
    def ready(norm: str) -> CachedTeacher:
        maps = dict(intensity=dict(type='IntensityMap', norm=norm))
        teacher = MapTeacher(maps=maps, point_cloud_range=[-3.2, -3.2, -5, 3.2, 3.2, 3], cell=0.8)
        return CachedTeacher(teacher=teacher, folder=tmp_path, reads=['points'], name='map')

    data = batch(0)
    log = ready('log').run(**data, taps=['intensity'])['intensity']
    assert torch.equal(ready('log').run(**data, taps=['intensity'])['intensity'], log)
    with pytest.raises(ValueError, match='stale, its entries are of another teacher'):
        ready('div255')


def test_more_cells_or_taps_widen_an_entry(tmp_path):
    few = dict(one=feature_pair(mask=MASK))
    step(distiller(cached(tmp_path), few), batch(0, 1))
    more = dict(one=feature_pair(mask=dict(type='Product', masks=[MASK, MASK])), two=response_pair(),
                three=feature_pair(mask=dict(type='GaussianMask')))
    model = distiller(cached(tmp_path), more)
    assert step(model, batch(0, 1))[0] == pytest.approx(step(distiller(toy_teacher(), more), batch(0, 1))[0], rel=1e-5)
    assert '2 computed again' in model.teachers['lidar'].summary()
    seen = []
    for pairs in (few, more):
        model = distiller(cached(tmp_path, seen), pairs)
        step(model, batch(0, 1))
    assert not seen


def zip_that_leads_before_its_start() -> bytes:
    """Ends of a ZIP64 file whose directory lies at -10, at which torch's reader says EINVAL."""
    directory = b'PK\x06\x06' + struct.pack('<QHHIIQQQQ', 44, 30, 45, 0, 0, 7, 7, 463, 2**64 - 10)
    locator = b'PK\x06\x07' + struct.pack('<IQI', 0, 604, 1)
    end = b'PK\x05\x06' + struct.pack('<HHHHIIH', 0, 0, 0xffff, 0xffff, 2**32 - 1, 2**32 - 1, 0)
    return b'PK\x03\x04' + bytes(600) + directory + locator + end


@pytest.mark.parametrize('damage', ['astray', 'cut', 'empty', 'foreign', 'headless', 'renamed', 'rotten'])
def test_a_damaged_entry_is_named_once_and_made_again(tmp_path, damage, caplog):
    live = say(teacher_of(tmp_path), 0, 1, 2)['bev_s8']
    for file in entries(tmp_path)[:2]:
        content = file.read_bytes()
        if damage == 'foreign':
            torch.save(dict(something=1), file)
        elif damage == 'headless':
            torch.save(dict(head=1, taps=[]), file)
        elif damage == 'astray':
            file.write_bytes(zip_that_leads_before_its_start())
        elif damage == 'renamed':
            file.write_bytes(entries(tmp_path)[2].read_bytes())
        elif damage == 'rotten':  # one bit of a number, which torch.load does not notice
            place = content.index(torch.load(file)['taps']['bev_s8'].numpy().tobytes()[400:420])
            file.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1:])
        else:
            file.write_bytes(content[:len(content) // 2] if damage == 'cut' else b'')
    seen = []
    teacher = teacher_of(tmp_path, seen=seen)
    with caplog.at_level(logging.WARNING):
        assert torch.allclose(say(teacher, 0, 1, 2)['bev_s8'], live)
    assert len(seen) == 2 and '2 damaged' in teacher.summary()
    assert torch.equal(say(teacher, 0, 1, 2)['bev_s8'], live) and len(seen) == 2


def test_entries_of_others_are_refused(tmp_path):
    say(teacher_of(tmp_path), 0)
    with pytest.raises(ValueError, match=r'lidar: stale.*another teacher.*checkpoint \w+, now \w+.*cache.folder'):
        teacher_of(tmp_path, seed=8)
    with pytest.raises(ValueError, match='stale'):
        teacher_of(tmp_path, reads=('img', 'points'))
    data = batch(0)
    data['inputs']['img'][0] = data['inputs']['img'][0] + 1e-6
    with pytest.raises(ValueError, match=r'token0\.pt: stale: its input was .* draws at random'):
        teacher_of(tmp_path).run(**data, taps=['bev_s8'])
    data = batch(0)
    data['data_samples'][0].set_metainfo(dict(stamp=dict(data['data_samples'][0].stamp, schema='newer')))
    with pytest.raises(ValueError, match=r"its data stamp was .*'s'.*'newer'"):
        teacher_of(tmp_path).run(**data, taps=['bev_s8'])
    head = torch.load(entries(tmp_path)[0])
    head['head']['teacher']['checkpoint'] = '0' * 16
    torch.save(head, entries(tmp_path)[0])
    with pytest.raises(ValueError, match=r'token0\.pt: stale: its teacher was'):
        say(teacher_of(tmp_path), 0)
    (tmp_path / 'lidar/teacher.json').write_text('{')
    with pytest.raises(ValueError, match=r'teacher\.json is damaged'):
        teacher_of(tmp_path)


def test_augmentation(tmp_path):
    """Off refuses; states keeps entries apart and refuses others; live runs the teacher and writes nothing."""
    with pytest.raises(ValueError, match=r"augmentation='off'.*token1 is rotated, mirrored or scaled.*bev_aug\.states"):
        say(teacher_of(tmp_path / 'off'), 0, 1, t1=mirror())
    seen, states = [], [dict(), dict(flip_x=True)]
    teacher = teacher_of(tmp_path / 'states', seen=seen, augmentation='states', states=states)
    for _ in range(2):
        say(teacher, 0)
        say(teacher, 0, t0=mirror())
    assert len(seen) == len(entries(tmp_path / 'states')) == 2
    with pytest.raises(ValueError, match=r"augmentation='states'.*in one of the states"):
        say(teacher, 0, t0=mirror().roll(1, dims=0))
    seen = []
    teacher = teacher_of(tmp_path / 'live', seen=seen, augmentation='live')
    for _ in range(2):
        say(teacher, 0, 1, t1=mirror())
    assert [token for token, _ in seen] == ['token0', 'token1', 'token1'] and len(entries(tmp_path / 'live')) == 1
    assert '2 augmented, computed live' in teacher.summary()
    for wrong in (dict(augmentation='on'), dict(augmentation='states'), dict(states=states),
                  dict(augmentation='states', states=[dict(turn=3)])):
        with pytest.raises(ValueError, match=r'augmentation|state'):
            teacher_of(tmp_path, **wrong)


def test_a_mirrored_world_has_its_own_map(tmp_path):
    """The reason for all this: the teacher's map of a mirrored input is not the mirrored map."""
    teacher = teacher_of(tmp_path, augmentation='states', states=[dict(), dict(flip_x=True)])
    plain, data = say(teacher, 0)['bev_s8'], batch(0, t0=mirror())
    data['inputs']['img'][0] = data['inputs']['img'][0].flip(-1)
    mirrored = teacher.run(**data, taps=['bev_s8'])['bev_s8']
    assert torch.equal(teacher.run(**data, taps=['bev_s8'])['bev_s8'], mirrored)
    assert not torch.allclose(mirrored, plain.flip(-1), atol=1e-3)


def test_half_precision_halves_and_stays_near(tmp_path):
    live = say(teacher_of(tmp_path / 'a'), 0, taps=('bev_s8', 'head'))
    first, half = (say(teacher_of(tmp_path / 'b', dtype='float16'), 0, taps=('bev_s8', 'head')) for _ in range(2))
    assert torch.equal(first['bev_s8'], half['bev_s8'])
    assert half['bev_s8'].dtype == torch.float32 and not torch.equal(half['bev_s8'], live['bev_s8'])
    assert torch.allclose(half['bev_s8'], live['bev_s8'], rtol=1e-3, atol=1e-4)


def test_what_half_precision_does_not_hold_is_refused(tmp_path):
    assert packed(torch.tensor([6e4, float('inf')]), torch.float16).isinf().tolist() == [False, True]
    with pytest.raises(ValueError, match=r"a teacher says 7e\+04, more than .*'bfloat16'"):
        packed([dict(a=torch.tensor([7e4]))], torch.float16)


def test_a_limit_stops_before_or_lets_training_go_on(tmp_path, caplog):
    teacher = teacher_of(tmp_path, max_bytes=9000)
    teacher.expect(100)
    with pytest.raises(ValueError, match=r"cache of teacher 'lidar' takes .* more than max_bytes allows \(8.8 KiB\)"):
        say(teacher, 0)
    assert not entries(tmp_path)
    seen = []
    teacher = teacher_of(tmp_path, seen=seen, max_bytes=9000)  # nobody said how many there are
    with caplog.at_level(logging.WARNING):
        first = say(teacher, 0, 1, 2, 3, 4)['bev_s8']
    assert 0 < len(entries(tmp_path)) < 5
    assert torch.allclose(say(teacher, 0, 1, 2, 3, 4)['bev_s8'], first, atol=1e-6) and 5 < len(seen) < 10
    strict = teacher_of(tmp_path, max_bytes=9000)
    strict.keeps_going = False
    with pytest.raises(DiskFullError, match='has reached max_bytes'):
        say(strict, 5, 6, 7, 8, 9)


def test_a_full_disk_lets_training_go_on(tmp_path):
    seen = []
    teacher = teacher_of(tmp_path, seen=seen)
    say(teacher, 0)
    with file_size_limit(2048):
        say(teacher, 1)
    assert len(entries(tmp_path)) == 1 and not list(tmp_path.glob('lidar/*/.*'))
    say(teacher, 2)
    assert len(entries(tmp_path)) == 1, 'once full, it does not try at every step'
    strict = teacher_of(tmp_path)
    strict.keeps_going = False
    with file_size_limit(2048), pytest.raises(DiskFullError, match=r'no space left writing .*token1\.pt'):
        say(strict, 1)


def fill(folder: Path, killed: bool) -> None:
    """Work of a child process."""
    if killed:
        save = torch.save

        def half(content: dict, file: io.BufferedWriter) -> None:
            save(content, file)
            file.truncate(900)
            os.kill(os.getpid(), signal.SIGKILL)

        torch.save = half
    teacher = teacher_of(folder)
    for index in range(12):
        say(teacher, index % 6)


def test_two_processes_fill_one_folder_and_a_killed_one_leaves_no_half_entry(tmp_path):
    both, killed = tmp_path / 'both', tmp_path / 'killed'
    start = multiprocessing.get_context('fork').Process
    jobs = [start(target=fill, args=args) for args in ((both, False), (both, False), (killed, True))]
    for act in ('start', 'join'):
        for job in jobs:
            getattr(job, act)()
    assert [job.exitcode for job in jobs] == [0, 0, -signal.SIGKILL]
    seen = []
    say(teacher_of(both, seen=seen), *range(6))
    assert not seen and len(entries(both)) == 6
    assert not entries(killed) and len(list(killed.glob('lidar/*/.*.partial.pt'))) == 1
    say(teacher_of(killed, seen=seen), 0)
    assert len(seen) == len(entries(killed)) == 1


def test_it_is_shared_by_copies_and_moves_as_any_teacher(tmp_path):
    teacher = teacher_of(tmp_path)
    say(teacher, 0)
    assert copy.deepcopy(teacher) is teacher and teacher.to('cpu') is teacher
    assert set(teacher.functions()) == {'head'} and '1 entries' in str(teacher)
    for cache in (None, dict(folder=str(tmp_path)), dict(reads=('img',))):
        with pytest.raises(ValueError, match=r"teacher 'lidar': type='CachedTeacher' needs cache=dict\(folder"):
            TeacherGroup.build(dict(lidar=dict(toy_teacher(), type='CachedTeacher', cache=cache)))
    for wrong in (dict(store='half'), dict(dtype='int8'), dict(folders=3)):
        with pytest.raises(ValueError, match=r"cache of teacher 'lidar'|teacher 'lidar': its cache"):
            teacher_of(tmp_path, **wrong)
