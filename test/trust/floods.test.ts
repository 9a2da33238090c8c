import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { generateKey } from '../../src/crypto/index.js';
import { vainLimit } from '../../src/distributor/delivery/timing.js';
import { type BusApp, startBusApp } from '../apps/bus-app.js';
import { describeEachMailServer } from '../mail-servers/index.js';
import { createSetting, type Daemon, type Setting } from '../system/setting.js';
import { type ForgeKey, forge, forgeKey, from, type Target, targetOf } from './forge.js';

const service = 'org.example.App';

const soon = (check: () => void): Promise<void> => vi.waitFor(check, { timeout: 60_000, interval: 20 });

describeEachMailServer('a flood of mails that do not decrypt', { on: ({ name }) => name === 'Dovecot' }, (kind) => {
  let setting: Setting;
  let daemon: Daemon;
  let app: BusApp;
  let appServer: ForgeKey;
  let target: Target;
  let other: Target;

  async function registered(token: string): Promise<Target> {
    await app.register2({ service, token });
    await soon(() => expect(app.endpoints(token)).not.toEqual([]));
    return await targetOf(app.endpoints(token)[0] ?? '');
  }

  beforeAll(async () => {
    setting = await createSetting(await kind.start());
    daemon = await setting.startDaemon();
    app = await startBusApp(setting.bus.address, { protocol: 2, service });
    appServer = await forgeKey(await generateKey({ address: from, now: Date.now() }));
    target = await registered('target');
    other = await registered('other');
  });

  afterAll(async () => {
    await app?.close();
    await setting?.stop();
  });

  const push = async (to: Target, payload: string): Promise<number> =>
    await setting.server.append('INBOX', (await forge(to, appServer, { payload })).raw);

  it('keeps neither another channel nor a push behind it waiting, also after a new start', {
    timeout: 120_000,
  }, async () => {
    const stranger = await forgeKey(await generateKey({ address: from, now: Date.now() }));
    const { raw } = await forge(target, stranger, { recipients: [stranger.parsed.toPublic()] });
    await daemon.stop();
    await setting.server.appendAll(
      'INBOX',
      Array.from({ length: vainLimit.atOnce + 200 }, () => raw),
    );
    daemon = await setting.startDaemon();
    await push(other, 'another channel');
    await push(target, 'behind the flood');
    await soon(() => expect(app.messages('other')).toEqual(['another channel']));
    await soon(() => expect(app.messages('target')).toEqual(['behind the flood']));
    await daemon.stop();
    daemon = await setting.startDaemon();
    await push(target, 'after a new start');
    await soon(() => expect(app.messages('target')).toEqual(['behind the flood', 'after a new start']));
  });
});
