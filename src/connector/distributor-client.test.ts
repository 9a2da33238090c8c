import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { startSmallDistributor } from '../../test/apps/small-distributor.js';
import { connectBus } from '../dbus/index.js';
import { startPrivateBus } from '../demo/private-bus.js';
import { unregisterWith } from './distributor-client.js';

it('an Unregister that version 1 leaves unanswered is taken for done', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'mailpush-bus-'));
  const daemon = await startPrivateBus({ directory });
  try {
    const distributor = 'org.unifiedpush.Distributor.test';
    const peer = await startSmallDistributor(daemon.address, distributor, {
      versions: [1],
      isSilentOnUnregister: true,
    });
    const bus = await connectBus({ address: daemon.address });
    const options = { timeoutMs: 100, signal: undefined };
    await unregisterWith(bus, { distributor, token: 'one', version: 1 }, options);
    expect(peer.unregistered).toEqual(['one']);
    await Promise.all([bus.close(), peer.stop()]);
  } finally {
    await daemon.stop();
    await rm(directory, { recursive: true });
  }
});
