"""Forecasts that can be scored: definitions of series, futures, forecasts, scores, back-tests, calibration, claims."""
