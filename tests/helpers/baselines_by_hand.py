"""Leaky neurons stepped in NumPy, with tangents by one weight: what surrogate gradients are by their definition."""

from typing import NamedTuple

import numpy as np


class Leaky(NamedTuple):
    """`tau_m dV/dt = -V + I`, `tau_s dI/dt = -I`, threshold 1, reset to 0; all-to-all with delays in steps."""

    weights: np.ndarray
    recurrent: np.ndarray
    lags: np.ndarray
    dt: float
    tau_m: float = 1.0
    tau_s: float = 0.5
    hold: int = 0

    def run(
        self, raster: np.ndarray, by: tuple[int, int], beta: float, detached: bool
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the spikes at every instant, and their derivative by an input weight with the SuperSpike surrogate."""
        decay_v, decay_i = np.exp(-self.dt / self.tau_m), np.exp(-self.dt / self.tau_s)
        across = self.tau_s / (self.tau_m - self.tau_s) * (decay_v - decay_i)
        size = len(self.weights)
        v, i, dv, di = np.zeros((4, size))
        held, direction = np.zeros(size, int), np.zeros_like(self.weights)
        direction[by] = 1.0
        spikes, changes = [], []
        for instant, arriving in enumerate(raster):
            if instant:
                free = held == 0
                v, dv = np.where(free, decay_v * v + across * i, v), np.where(free, decay_v * dv + across * di, dv)
                i, di, held = decay_i * i, decay_i * di, np.maximum(held - 1, 0)
            i, di = i + self.weights @ arriving, di + direction @ arriving
            for lag in range(1, self.lags.max() + 1):
                if lag <= instant:
                    matrix = np.where(self.lags == lag, self.recurrent, 0.0)
                    i, di = i + matrix @ spikes[instant - lag], di + matrix @ changes[instant - lag]
            free = held == 0
            spike = ((v >= 1) & free).astype(float)
            change = np.where(free, dv / (1 + beta * np.abs(v - 1)) ** 2, 0.0)
            dv = dv * (1 - spike) - (0.0 if detached else v * change)
            v, held = v * (1 - spike), np.where(spike > 0, self.hold, held)
            matrix = np.where(self.lags == 0, self.recurrent, 0.0)
            i, di = i + matrix @ spike, di + matrix @ change
            spikes.append(spike)
            changes.append(change)
        return np.array(spikes), np.array(changes)
