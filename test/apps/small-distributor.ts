import {
  type Bus,
  BusError,
  type BusInterface,
  connectBus,
  connectorPath,
  dictKeys,
  distributorPath,
  errorNames,
  interfaceNames,
  introspectionXml,
  registrationResults,
  stringDict,
  type VariantDict,
  variantValue,
} from '../../src/dbus/index.js';

/** How a {@link SmallDistributor} behaves; everything may be changed while it runs. */
export interface DistributorBehaviour {
  readonly versions: readonly (1 | 2)[];
  /** When NewEndpoint is sent: before the reply to Register, after it, or never. Default `after`. */
  endpoint?: 'before' | 'after' | 'never';
  /** Answers registrations with this result and reason. */
  refuse?: { readonly result: string; readonly reason: string } | undefined;
  /** Word for success; older distributors have another. */
  success?: string;
  /** False: Introspect is answered with an error. */
  readonly isIntrospectable?: boolean;
  /** Version 1's Unregister is never answered. */
  readonly isSilentOnUnregister?: boolean;
}

/** What an app registered with. */
export interface SeenRegistration {
  readonly version: 1 | 2;
  readonly caller: string;
  readonly service: string;
  readonly token: string;
  readonly dict: VariantDict;
}

/** A UnifiedPush distributor without a push server: a peer on a real bus for tests of apps. */
export interface SmallDistributor {
  readonly bus: Bus;
  readonly behaviour: DistributorBehaviour;
  readonly seen: SeenRegistration[];
  readonly unregistered: string[];
  /** Calls Message in the version of the app's registration; gives the reply's values. */
  deliver(token: string, id: string, data: Uint8Array | string, timeoutMs?: number): Promise<readonly unknown[]>;
  newEndpoint(token: string, endpoint: string): Promise<void>;
  endRegistration(token: string): Promise<void>;
  stop(): Promise<void>;
}

/** Starts a {@link SmallDistributor} under a name that begins with `org.unifiedpush.Distributor.`. */
export async function startSmallDistributor(
  address: string,
  name: string,
  behaviour: DistributorBehaviour,
): Promise<SmallDistributor> {
  const bus = await connectBus({ address });
  const seen: SeenRegistration[] = [];
  const unregistered: string[] = [];

  const call = (
    token: string,
    member: string,
    v1: readonly [string, readonly unknown[]],
    v2: VariantDict,
    timeoutMs = 5000,
  ) => {
    const registration = seen.findLast((one) => one.token === token);
    if (registration === undefined) throw new Error('The test distributor does not know this token.');
    const target = { destination: registration.service, path: connectorPath, member, timeoutMs };
    return registration.version === 1
      ? bus.call({ ...target, interface: interfaceNames.connector1, signature: v1[0], args: v1[1] })
      : bus.call({ ...target, interface: interfaceNames.connector2, signature: 'a{sv}', args: [v2] });
  };
  const newEndpoint = async (token: string, endpoint: string): Promise<void> => {
    await call(token, 'NewEndpoint', ['ss', [token, endpoint]], stringDict({ token, endpoint }));
  };

  const register = async (registration: SeenRegistration): Promise<{ result: string; reason: string }> => {
    if (behaviour.refuse !== undefined) return behaviour.refuse;
    seen.push(registration);
    const sendEndpoint = () => newEndpoint(registration.token, `https://push.example.org/${seen.length}`);
    if (behaviour.endpoint === 'before') await sendEndpoint();
    else if (behaviour.endpoint !== 'never') setImmediate(() => void sendEndpoint().catch(() => {}));
    return { result: behaviour.success ?? registrationResults.succeeded, reason: '' };
  };

  const interfaces: BusInterface[] = [];
  if (behaviour.versions.includes(1)) {
    interfaces.push({
      name: interfaceNames.distributor1,
      xml: introspectionXml.distributor1,
      methods: {
        Register: {
          in: 'sss',
          out: 'ss',
          handle: async ({ sender, args }) => {
            const [service = '', token = '', description] = args as readonly string[];
            const dict = stringDict({ description });
            const { result, reason } = await register({ version: 1, caller: sender, service, token, dict });
            return [result, reason];
          },
        },
        Unregister: {
          in: 's',
          out: '',
          handle: async ({ args }) => {
            unregistered.push(String(args[0]));
            if (behaviour.isSilentOnUnregister) await new Promise(() => {});
            return [];
          },
        },
      },
    });
  }
  if (behaviour.versions.includes(2)) {
    interfaces.push({
      name: interfaceNames.distributor2,
      xml: introspectionXml.distributor2,
      methods: {
        Register: {
          in: 'a{sv}',
          out: 'a{sv}',
          handle: async ({ sender, args }) => {
            const dict = args[0] as VariantDict;
            const service = variantValue(dict, dictKeys.service, 's') ?? '';
            const token = variantValue(dict, dictKeys.token, 's') ?? '';
            const { result, reason } = await register({ version: 2, caller: sender, service, token, dict });
            return [stringDict({ success: result, reason: reason === '' ? undefined : reason })];
          },
        },
        Unregister: {
          in: 'a{sv}',
          out: 'a{sv}',
          handle: ({ args }) => {
            unregistered.push(variantValue(args[0] as VariantDict, dictKeys.token, 's') ?? '');
            return [{}];
          },
        },
      },
    });
  }
  if (behaviour.isIntrospectable === false) {
    const refuse = (): never => {
      throw new BusError('ERR_TEST', 'No introspection here', { errorName: errorNames.unknownInterface });
    };
    const methods = { Introspect: { in: '', out: 's', handle: refuse } };
    interfaces.push({ name: 'org.freedesktop.DBus.Introspectable', methods, xml: '' });
  }
  bus.export(distributorPath, interfaces);
  await bus.requestName(name);

  return {
    bus,
    behaviour,
    seen,
    unregistered,
    deliver: async (token, id, data, timeoutMs) => {
      const bytes = typeof data === 'string' ? new TextEncoder().encode(data) : data;
      const dict = {
        ...stringDict({ token, id: id === '' ? undefined : id }),
        message: { signature: 'ay', value: bytes },
      };
      return await call(token, 'Message', ['says', [token, bytes, id]], dict, timeoutMs);
    },
    newEndpoint,
    endRegistration: async (token) => {
      await call(token, 'Unregistered', ['s', [token]], stringDict({ token }));
    },
    stop: () => bus.close(),
  };
}
