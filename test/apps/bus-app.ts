import {
  type Bus,
  type BusMethod,
  connectBus,
  connectorPath,
  distributorPath,
  interfaceNames,
  introspectionXml,
  type VariantDict,
  variantValue,
} from '../../src/dbus/index.js';

/** What an app was called with. */
export interface Heard {
  readonly member: string;
  readonly args: readonly unknown[];
}

/** The bare D-Bus side of an app: it says what the test lets it say, and notes what it hears. */
export interface BusApp {
  readonly bus: Bus;
  readonly service: string;
  readonly heard: Heard[];
  /** The reply to every call; by default one that means nothing. May be changed while it runs. */
  answer: (member: string) => Promise<readonly unknown[]>;
  /** The endpoints that it was told for a token. */
  endpoints(token: string): string[];
  /** The messages that it got for a token, as they came. */
  payloads(token: string): Uint8Array[];
  /** The same as text. */
  messages(token: string): string[];
  /** The reply of version 1's Register. */
  register1(service: string, token: string, description?: string): Promise<readonly unknown[]>;
  /** The reply of version 2's Register as an object; keys that are not text come as their variants. */
  register2(fields: Readonly<Record<string, unknown>>): Promise<Readonly<Record<string, string>>>;
  /** Version 1 or 2, as the app is. */
  unregister(token: string): Promise<void>;
  close(): Promise<void>;
}

/** How to start a {@link BusApp}. */
export interface BusAppOptions {
  readonly protocol: 1 | 2;
  /** Default: none but the unique name. */
  readonly service?: string;
  /** The distributor it registers with. */
  readonly distributor?: string;
}

const signatures = {
  1: { Message: 'says', NewEndpoint: 'ss', Unregistered: 's' },
  2: { Message: 'a{sv}', NewEndpoint: 'a{sv}', Unregistered: 'a{sv}' },
} as const;

const text = (dict: unknown, key: string): string => variantValue(dict as VariantDict, key, 's') ?? '';

/** Texts become variants; what is a variant already stays as it is, whatever its type. */
function variants(fields: Readonly<Record<string, unknown>>): VariantDict {
  const entries = Object.entries(fields).map(([key, value]) => [
    key,
    typeof value === 'string' ? { signature: 's', value } : value,
  ]);
  return Object.fromEntries(entries) as VariantDict;
}

/** Starts an app on the bus; never one that answers, but by {@link BusApp.answer}. */
export async function startBusApp(address: string, options: BusAppOptions): Promise<BusApp> {
  const { protocol, distributor = 'org.unifiedpush.Distributor.mailpush' } = options;
  const bus = await connectBus({ address });
  const heard: Heard[] = [];
  const silence: readonly unknown[] = protocol === 1 ? [] : [{}];
  const method = (member: string, signature: string): BusMethod => ({
    in: signature,
    out: protocol === 1 ? '' : 'a{sv}',
    handle: async ({ args }) => {
      heard.push({ member, args });
      return await app.answer(member);
    },
  });
  const called = (interfaceName: string, member: string, signature: string, args: readonly unknown[]) =>
    bus.call({ destination: distributor, path: distributorPath, interface: interfaceName, member, signature, args });

  /** What each call of this kind for a token had to say. */
  function told<T>(member: string, token: string, value: (args: readonly unknown[]) => T): T[] {
    const tokenOf = ([first]: readonly unknown[]): string => (protocol === 1 ? String(first) : text(first, 'token'));
    return heard.filter((one) => one.member === member && tokenOf(one.args) === token).map(({ args }) => value(args));
  }

  const app: BusApp = {
    bus,
    service: options.service ?? bus.uniqueName,
    heard,
    answer: async () => silence,
    endpoints: (token) =>
      told('NewEndpoint', token, ([first, second]) => (protocol === 1 ? String(second) : text(first, 'endpoint'))),
    payloads: (token) =>
      told('Message', token, ([first, second]) => {
        const bytes = protocol === 1 ? second : variantValue(first as VariantDict, 'message', 'ay');
        return new Uint8Array(bytes as Uint8Array);
      }),
    messages: (token) => app.payloads(token).map((bytes) => Buffer.from(bytes).toString()),
    register1: (service, token, description = '') =>
      called(interfaceNames.distributor1, 'Register', 'sss', [service, token, description]),
    register2: async (fields) => {
      const [reply] = await called(interfaceNames.distributor2, 'Register', 'a{sv}', [variants(fields)]);
      return Object.fromEntries(Object.keys(reply as VariantDict).map((key) => [key, text(reply, key)]));
    },
    unregister: async (token) => {
      if (protocol === 1) await called(interfaceNames.distributor1, 'Unregister', 's', [token]);
      else await called(interfaceNames.distributor2, 'Unregister', 'a{sv}', [variants({ token })]);
    },
    close: () => bus.close(),
  };
  const methods = Object.entries(signatures[protocol]).map(([member, signature]) => [
    member,
    method(member, signature),
  ]);
  const kind = protocol === 1 ? 'connector1' : 'connector2';
  bus.export(connectorPath, [
    { name: interfaceNames[kind], methods: Object.fromEntries(methods), xml: introspectionXml[kind] },
  ]);
  if (options.service !== undefined) await bus.requestName(options.service);
  return app;
}
