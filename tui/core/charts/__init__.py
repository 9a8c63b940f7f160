"""Charts of latencies as text: data to lines of characters, in Unicode or in ASCII.

Every chart is exactly as wide and high as asked for. Latency axes are logarithmic and end at round figures, time axes
end at `now_ns`, rounded up to a whole column: so what is drawn moves by whole columns, and seldom.
"""

from __future__ import annotations

from tui.core.charts.heatmap import heatmap
from tui.core.charts.histogram_chart import histogram_chart
from tui.core.charts.latency_chart import latency_chart
from tui.core.charts.slices import Slice, merged, quantiles_of

__all__ = ["Slice", "heatmap", "histogram_chart", "latency_chart", "merged", "quantiles_of"]
