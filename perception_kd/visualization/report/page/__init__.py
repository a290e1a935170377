"""How a page looks: one HTML file with everything inside."""

from perception_kd.visualization.report.page.document import MOST_BYTES, PageTooLargeError, render

__all__ = ['MOST_BYTES', 'PageTooLargeError', 'render']
