import {
  type BusInterface,
  dictKeys,
  failureReasons,
  interfaceNames,
  introspectionXml,
  registrationResults,
  stringDict,
  type VariantDict,
  variantValue,
} from '../../dbus/index.js';
import type { Log } from '../../runtime.js';
import type { Registrar } from './registrar.js';
import { type Checked, refuse } from './request.js';

/** A text that may be missing: of another type than a string it is the same as missing, and empty is missing too. */
const text = (args: VariantDict, key: string): string | undefined => variantValue(args, key, 's') || undefined;

/** Whatever goes wrong inside, the app gets an answer that it can handle. */
async function answered(log: Log, act: () => Promise<Checked<undefined>>): Promise<Checked<undefined>> {
  try {
    return await act();
  } catch (error) {
    log.error({ event: 'app.register', err: error }, 'A registration could not be changed.');
    return refuse(failureReasons.internalError, 'The distributor has a problem of its own: look at its log.');
  }
}

/** The interface of version 1 (UnifiedPush D-Bus specification). */
export function distributor1(registrar: Registrar, log: Log): BusInterface {
  return {
    name: interfaceNames.distributor1,
    xml: introspectionXml.distributor1,
    methods: {
      Register: {
        in: 'sss',
        out: 'ss',
        handle: async ({ sender, args }) => {
          const [service, token, description] = args as [string, string, string];
          const result = await answered(log, () =>
            registrar.register(sender, {
              protocol: 1,
              service,
              token,
              description,
              vapid: undefined,
              sender: undefined,
            }),
          );
          return result.ok
            ? [registrationResults.succeeded, '']
            : [registrationResults.failed, result.refusal.explanation];
        },
      },
      Unregister: {
        in: 's',
        out: '',
        handle: async ({ sender, args }) => {
          const [token] = args as [string];
          await answered(log, () => registrar.unregister(sender, token));
          return [];
        },
      },
    },
  };
}

/** The interface of version 2, in which everything is a dictionary. */
export function distributor2(registrar: Registrar, log: Log): BusInterface {
  return {
    name: interfaceNames.distributor2,
    xml: introspectionXml.distributor2,
    methods: {
      Register: {
        in: 'a{sv}',
        out: 'a{sv}',
        handle: async ({ sender, args }) => {
          const dict = args[0] as VariantDict;
          const result = await answered(log, () =>
            registrar.register(sender, {
              protocol: 2,
              service: text(dict, 'service'),
              token: text(dict, 'token'),
              description: text(dict, 'description'),
              vapid: text(dict, 'vapid'),
              sender: text(dict, dictKeys.sender),
            }),
          );
          if (result.ok) return [stringDict({ success: registrationResults.succeeded })];
          return [stringDict({ success: registrationResults.failed, reason: result.refusal.reason })];
        },
      },
      Unregister: {
        in: 'a{sv}',
        out: 'a{sv}',
        handle: async ({ sender, args }) => {
          const token = text(args[0] as VariantDict, 'token') ?? '';
          await answered(log, () => registrar.unregister(sender, token));
          return [{}];
        },
      },
    },
  };
}
