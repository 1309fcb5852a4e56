"""What has to be done again and again goes on, whatever one of the times brings."""

from __future__ import annotations

import asyncio

import pytest

from landbridge.wiring.errands import regularly


def test_a_regular_errand_goes_on_after_a_failure() -> None:
    times: list[int] = []

    def work() -> None:
        times.append(len(times))
        if len(times) == 1:
            raise OSError("No space left on device")

    async def three_times() -> None:
        task = asyncio.create_task(regularly(0.001, work))
        async with asyncio.timeout(10):
            while len(times) < 3:
                await asyncio.sleep(0.001)
        assert not task.done()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(three_times())
