"""The text of a config is yapf's, made once."""

from mmengine.config import Config
from mmengine.config import config as mmengine_config

from perception_kd.engine import config_text
from perception_kd.engine.build import load_config  # noqa: F401  # installs it


def test_the_same_text_is_formatted_once(monkeypatch) -> None:
    assert mmengine_config.FormatCode is config_text.remembering_format
    asked, plain = [], config_text._format

    def counting(text: str, **settings: object) -> tuple[str, bool]:
        asked.append(text)
        return plain(text, **settings)

    cfg = Config(dict(model=dict(type='A', numbers=list(range(40)), name='never formatted before'), steps=3))
    monkeypatch.setattr(config_text, '_format', counting)
    texts = [cfg.pretty_text, cfg.pretty_text]
    cfg.steps = 4
    texts.append(cfg.pretty_text)
    assert len(asked) == 2 and 'steps = 4' in texts[2]
    monkeypatch.setattr(mmengine_config, 'FormatCode', plain)
    assert cfg.pretty_text == texts[2] and texts[0] == texts[1] != texts[2]
