"""Progress of tasks, in percent."""
import bb


class MultiStageProgressReporter:
    """Stages with weights: the percentage of all of them together."""

    def __init__(self, d, stage_weights, debug=False):
        self._data = d
        total = sum(stage_weights) or 1
        self._weights = [weight / total for weight in stage_weights]
        self._stage, self._total, self._last = -1, None, None

    def _fire(self, part):
        done = sum(self._weights[:max(self._stage, 0)])
        if 0 <= self._stage < len(self._weights):
            done += self._weights[self._stage] * part
        percent = int(min(done, 1) * 100)
        if percent != self._last:
            self._last = percent
            bb.event.fire(bb.build.TaskProgress(percent), self._data)

    def next_stage(self, stage_total=None):
        self._stage += 1
        self._total = stage_total
        self._fire(0)

    def update(self, stage_progress):
        self._fire(min(stage_progress / (self._total or 100), 1))

    def finish(self):
        self._stage = len(self._weights)
        self._fire(0)
