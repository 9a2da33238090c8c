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
import { MailpushError } from '../../errors.js';
import type { Log } from '../../runtime.js';
import type { Registrar } from './registrar.js';
import { type Checked, type RegisterRequest, refuse } from './request.js';

const texts = ['service', 'token', 'description', 'vapid', dictKeys.sender] as const;

/** The texts in a dictionary. One of another type than a string is not the same as none: it may be a restriction. */
function requestOf(dict: VariantDict): Checked<RegisterRequest> {
  const wrong = texts.find((key) => Object.hasOwn(dict, key) && variantValue(dict, key, 's') === undefined);
  if (wrong !== undefined) return refuse(failureReasons.internalError, `The ${wrong} is not a string.`);
  const text = (key: (typeof texts)[number]): string | undefined => variantValue(dict, key, 's');
  return {
    ok: true,
    value: {
      protocol: 2,
      service: text('service'),
      token: text('token'),
      description: text('description'),
      // Empty is none: there are clients that always send one.
      vapid: text('vapid') || undefined,
      sender: text(dictKeys.sender),
    },
  };
}

/** Whatever goes wrong inside, the app gets an answer that it can handle; what the user can do something about is named. */
async function answered(log: Log, act: () => Promise<Checked<undefined>>): Promise<Checked<undefined>> {
  try {
    return await act();
  } catch (error) {
    log.error({ event: 'app.register', err: error }, 'A registration could not be changed.');
    return error instanceof MailpushError && error.disposition === 'action-required'
      ? refuse(failureReasons.actionRequired, error.message)
      : refuse(failureReasons.internalError, 'The distributor has a problem of its own: look at its log.');
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
          const request = requestOf(args[0] as VariantDict);
          const result = request.ok ? await answered(log, () => registrar.register(sender, request.value)) : request;
          if (result.ok) return [stringDict({ success: registrationResults.succeeded })];
          return [stringDict({ success: registrationResults.failed, reason: result.refusal.reason })];
        },
      },
      Unregister: {
        in: 'a{sv}',
        out: 'a{sv}',
        handle: async ({ sender, args }) => {
          const token = variantValue(args[0] as VariantDict, 'token', 's') ?? '';
          await answered(log, () => registrar.unregister(sender, token));
          return [{}];
        },
      },
    },
  };
}
