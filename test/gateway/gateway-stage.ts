import { join } from 'node:path';
import type { Status } from '../../src/distributor/index.js';
import { testAuthority } from '../mail-servers/dovecot.js';
import type { TestMailServer } from '../mail-servers/index.js';
import { createSetting, type Setting } from '../system/setting.js';
import { freePort } from '../tools/free-port.js';
import { runCommand } from '../tools/run-command.js';
import { type GatewayProcess, startGatewayProcess, writeGatewayConfig } from './gateway-process.js';
import { startTlsFront, type TlsFront } from './tls-front.js';
import { startWebPushApp, type WebPushApp, type WebPushAppOptions } from './web-push-app.js';

/** A mail server, a bus, a gateway and a daemon that has it in its configuration. */
export interface GatewayStage {
  readonly setting: Setting;
  /** The public URL of the gateway. */
  readonly url: string;
  /** The gateway that was started last. */
  readonly gateway: GatewayProcess;
  /** There if there is one before the gateway. */
  readonly front: TlsFront | undefined;
  /** Starts the gateway, the first time or after its end, always the same one. */
  startGateway(environment?: Readonly<Record<string, string>>): Promise<GatewayProcess>;
  /** Starts an app, which registers. It ends with the stage. */
  startApp(options: WebPushAppOptions): Promise<WebPushApp>;
  stop(): Promise<void>;
}

/** How a {@link GatewayStage} is set up. */
export interface GatewayStageOptions {
  /** Where HTTPS ends: in the gateway, by default, or in a proxy before it. */
  readonly tls?: 'files' | 'front';
  /** Where the gateway sends mail, if not to the server itself. */
  readonly smtp?: { readonly host: string; readonly port: number };
  /** Further lines of the section `[account]`. */
  readonly account?: string;
  /** Further lines of the section `[gateway]`. */
  readonly more?: string;
}

/** The lines of the section `[account]` for a gateway that has a certificate by the authority of the tests. */
export function gatewayLines(url: string): string {
  return `gateway = "${url}"\nca_file = "${testAuthority}"\n`;
}

/** What `mailpush status` says of the daemon of a setting. */
export async function statusOf({ bus }: Pick<Setting, 'bus'>): Promise<Status> {
  const environment = { DBUS_SESSION_BUS_ADDRESS: bus.address };
  const { code, stdout, stderr } = await runCommand(['status', '--json'], { environment });
  if (code !== 0) throw new Error(stderr);
  return JSON.parse(stdout) as Status;
}

/** Sets it up around a mail server. Neither gateway nor daemon is started. */
export async function createGatewayStage(
  server: TestMailServer,
  { tls = 'files', smtp = server.smtp, account = '', more = '' }: GatewayStageOptions = {},
): Promise<GatewayStage> {
  const front = tls === 'front' ? await startTlsFront() : undefined;
  const port = await freePort();
  const url = front?.url ?? `https://localhost:${port}`;
  front?.pointTo(port);
  const setting = await createSetting(server, `${gatewayLines(url)}${account}`);
  const directory = join(setting.directory, 'gateway');
  const config = await writeGatewayConfig({ directory, publicUrl: url, port, smtp, tls: front === undefined, more });
  const gateways: GatewayProcess[] = [];
  const apps: WebPushApp[] = [];
  return {
    setting,
    url,
    front,
    get gateway() {
      const last = gateways.at(-1);
      if (last === undefined) throw new Error('Start the gateway first.');
      return last;
    },
    startGateway: async (environment) => {
      const gateway = await startGatewayProcess(config, environment);
      gateways.push(gateway);
      return gateway;
    },
    startApp: async (options) => {
      const app = await startWebPushApp(setting.bus.address, options);
      apps.push(app);
      return app;
    },
    stop: async () => {
      await Promise.allSettled([...apps.map((app) => app.close()), ...gateways.map((gateway) => gateway.stop())]);
      await setting.stop();
      await front?.stop();
    },
  };
}
