import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import { type BusApp, startBusApp } from '../apps/bus-app.js';
import { describeEachMailServer } from '../mail-servers/index.js';
import { createSetting, type Setting } from './setting.js';

const texts = Array.from({ length: 5 }, (_, index) => `push ${index}`);
const never = (): Promise<never> => new Promise(() => {});
const refuse = async (): Promise<never> => {
  throw new Error('An app that fails.');
};

describeEachMailServer(
  'apps that do not work',
  { on: ({ name }) => ['hoodiecrow', 'Dovecot'].includes(name) },
  (kind) => {
    let setting: Setting;

    beforeAll(async () => {
      setting = await createSetting(await kind.start());
      await setting.startDaemon();
    });

    afterAll(async () => {
      await setting?.stop();
    });

    async function startApp(service: string, protocol: 1 | 2 = 2): Promise<BusApp> {
      const app = await startBusApp(setting.bus.address, { protocol, service });
      onTestFinished(() => app.close());
      return app;
    }

    async function endpointOf(app: BusApp, protocol: 1 | 2 = 2): Promise<string> {
      const token = app.service;
      if (protocol === 1) await app.register1(app.service, token);
      else await app.register2({ service: app.service, token });
      await expect.poll(() => app.endpoints(token)).toHaveLength(1);
      return app.endpoints(token)[0] ?? '';
    }

    const got = (app: BusApp): string[] => app.messages(app.service);

    it('delay no other, and get what is theirs as soon as they work', async () => {
      const hanging = await startApp('org.example.Hanging');
      const mute = await startApp('org.example.Mute', 1);
      const refusing = await startApp('org.example.Refusing');
      const crashing = await startApp('org.example.Crashing');
      const uninstalled = await startApp('org.example.Uninstalled');
      const broken = await startApp('org.example.Broken');
      const good = await startApp('org.example.Good');
      const bad = [hanging, refusing, crashing, uninstalled, broken];
      const endpoints = await Promise.all([...bad, good].map((app) => endpointOf(app)));
      endpoints.push(await endpointOf(mute, 1));

      hanging.answer = never;
      mute.answer = never;
      refusing.answer = refuse;
      crashing.answer = async () => {
        await crashing.close();
        return await never();
      };
      await uninstalled.close();
      // The bus knows how to start it, and that fails.
      await writeFile(
        join(setting.serviceDirectory, 'org.example.Broken.service'),
        '[D-BUS Service]\nName=org.example.Broken\nExec=/bin/false\n',
      );
      await broken.close();

      for (const text of texts) for (const endpoint of endpoints) await setting.sender.send(endpoint, text);
      await expect.poll(() => got(good), { timeout: 30_000 }).toEqual(texts);
      // None of them has got further than its first.
      for (const app of [hanging, crashing]) expect(got(app)).toEqual(texts.slice(0, 1));
      expect(new Set(got(refusing))).toEqual(new Set(texts.slice(0, 1)));
      for (const app of [uninstalled, broken]) expect(got(app)).toEqual([]);

      // An app that is started again gets everything, whatever was wrong with it before.
      for (const old of [hanging, refusing]) await old.close();
      for (const { service } of bad) {
        const app = await startApp(service);
        await expect.poll(() => new Set(got(app)), { timeout: 30_000 }).toEqual(new Set(texts));
        // With the same ids, each once.
        expect(got(app)).toHaveLength(texts.length);
      }
      // Version 1 needs no answer.
      await expect.poll(() => got(mute), { timeout: 60_000 }).toEqual(texts);
      const mails = async () => Object.values(await setting.server.snapshot()).flat();
      await expect.poll(mails, { timeout: 30_000 }).toEqual([]);
    }, 120_000);
  },
);
