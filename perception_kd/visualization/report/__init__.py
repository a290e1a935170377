"""The report: what a page holds (``blocks``, ``charts``), how it looks (``page``), what runs say (``sections``)."""
