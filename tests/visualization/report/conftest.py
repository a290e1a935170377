"""Debian's chromium, driven by selenium, for tests that look at a page as a reader does."""

from __future__ import annotations

import shutil

import pytest

OPTIONS = ('--headless=new', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-sync',
           '--disable-background-networking', '--disable-component-update', '--disable-dev-shm-usage')


@pytest.fixture(scope='session')
def browser(tmp_path_factory):
    """A headless browser with an empty profile; skips where there is none."""
    webdriver = pytest.importorskip('selenium.webdriver', reason='selenium is not installed (pip install selenium)')
    chromium, driver = (shutil.which(name) for name in ('chromium', 'chromedriver'))
    if not (chromium and driver):
        pytest.skip('no chromium with chromedriver (apt-get install chromium chromium-driver)')
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for option in (*OPTIONS, f'--user-data-dir={tmp_path_factory.mktemp("chromium")}'):
        options.add_argument(option)
    options.set_capability('goog:loggingPrefs', {'browser': 'ALL', 'performance': 'ALL'})
    session = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    yield session
    session.quit()
