import { expect, it } from 'vitest';
import { createManualTime } from '../../test/tools/manual-time.js';
import { closeUnlessHeard, closeWhenSilent } from './answer-deadline.js';

function startDeadline(deadline = closeWhenSilent) {
  const time = createManualTime();
  const finished = new AbortController();
  const client = { received: 0, closed: 0 };
  const ended = deadline(
    {
      stats: () => ({ sent: 0, received: client.received }),
      close: () => {
        client.closed += 1;
      },
    },
    60_000,
    time.runtime,
    finished.signal,
  );
  const pass = async (ms: number): Promise<void> => {
    time.pass(ms);
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { time, finished, client, ended, pass };
}

it('closes a connection on which nothing has come in time', async () => {
  const { client, ended, pass, time } = startDeadline();
  await pass(59_999);
  expect(client.closed).toBe(0);
  await pass(1);
  await ended;
  expect(client.closed).toBe(1);
  expect(time.sleepers()).toEqual([]);
});

it('bears with a server that says something now and then, but not for ever', async () => {
  const { client, ended, pass } = startDeadline();
  for (let round = 0; round < 9; round += 1) {
    client.received += 1;
    await pass(60_000);
  }
  expect(client.closed).toBe(0);
  client.received += 1;
  await pass(60_000);
  await ended;
  expect(client.closed).toBe(1);
});

it('lets go of the connection and of its timer when the answer is there', async () => {
  const { client, ended, finished, time } = startDeadline();
  finished.abort();
  await ended;
  expect(client.closed).toBe(0);
  expect(time.sleepers()).toEqual([]);
});

it('closes a connection that gives no sign of life, and is content with one', async () => {
  const silent = startDeadline(closeUnlessHeard);
  await silent.pass(60_000);
  await silent.ended;
  expect(silent.client.closed).toBe(1);

  const heard = startDeadline(closeUnlessHeard);
  heard.client.received += 1;
  await heard.pass(60_000);
  await heard.ended;
  expect(heard.client.closed).toBe(0);
  expect(heard.time.sleepers()).toEqual([]);

  const answered = startDeadline(closeUnlessHeard);
  answered.finished.abort();
  await answered.ended;
  expect(answered.client.closed).toBe(0);
});
