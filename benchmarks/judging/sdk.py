"""The openai SDK alone: its typed asynchronous call in a loop, nothing read, nothing kept."""

from __future__ import annotations

import asyncio
import time

import openai
from timing import given, tell

SCHEMA = {"type": "object", "properties": {"right": {"type": "integer"}}, "required": ["right"]}


async def ask_all(url: str, count: int, concurrency: int) -> None:
    numbers = iter(range(count))
    form = {"type": "json_schema", "json_schema": {"name": "answer", "schema": SCHEMA, "strict": True}}
    async with openai.AsyncOpenAI(api_key="none", base_url=f"{url}/v1") as client:

        async def ask() -> None:
            for number in numbers:
                messages = [
                    {"role": "system", "content": "Grade. " * 60},
                    {"role": "user", "content": f"number {number}"},
                ]
                await client.chat.completions.create(
                    model="judge", messages=messages, max_tokens=280, temperature=0, response_format=form
                )

        await asyncio.gather(*(ask() for _ in range(concurrency)))


if __name__ == "__main__":
    url, count, concurrency = given()
    asyncio.run(ask_all(url, 20, concurrency))
    started, cpu = time.perf_counter(), time.process_time()
    asyncio.run(ask_all(url, count, concurrency))
    tell(seconds=time.perf_counter() - started, cpu=time.process_time() - cpu, right=count)
