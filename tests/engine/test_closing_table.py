"""The closing table is aligned and shows what is missing as missing."""

from perception_kd.engine.closing_table import format_table


def test_table():
    text = format_table([('teacher', {'mAP': 0.41234, 'NDS': None}), ('student without', {'mAP': 0.1})],
                        [('mAP', 'mAP'), ('NDS', 'NDS')])
    assert text.split('\n') == [
        '| model           |   mAP | NDS |',
        '| --------------- | ----: | --: |',
        '| teacher         | 0.412 |   - |',
        '| student without | 0.100 |   - |',
    ]
