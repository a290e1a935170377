"""The sections of a report: one file each, with ``section(runs)``, None where there is nothing to say."""
