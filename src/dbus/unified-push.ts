import type { VariantDict } from './variant.js';

/** Well-known names of distributors begin with this; clients find them by it (UnifiedPush D-Bus specification). */
export const distributorNamePrefix = 'org.unifiedpush.Distributor.';

/** Where a distributor's object is. */
export const distributorPath = '/org/unifiedpush/Distributor';

/** Where an app's object is. */
export const connectorPath = '/org/unifiedpush/Connector';

/** The interfaces of UnifiedPush on D-Bus, in both versions. */
export const interfaceNames = {
  distributor1: 'org.unifiedpush.Distributor1',
  distributor2: 'org.unifiedpush.Distributor2',
  connector1: 'org.unifiedpush.Connector1',
  connector2: 'org.unifiedpush.Connector2',
} as const;

/** First value of version 1's Register reply, and `success` in version 2's (UnifiedPush D-Bus specification 0.3.0). */
export const registrationResults = {
  succeeded: 'REGISTRATION_SUCCEEDED',
  failed: 'REGISTRATION_FAILED',
} as const;

/** Words that older distributors use in version 1's Register reply: success, and "do not try again". */
export const olderRegistrationResults = { succeeded: 'NEW_ENDPOINT', refused: 'REGISTRATION_REFUSED' } as const;

/** One of {@link registrationResults}. */
export type RegistrationResult = (typeof registrationResults)[keyof typeof registrationResults];

/** Keys of version 2's dictionaries. */
export const dictKeys = {
  description: 'description',
  endpoint: 'endpoint',
  id: 'id',
  message: 'message',
  reason: 'reason',
  /** mailpush's own: fingerprint of the only app server that may push, 40 hexadecimal digits. */
  sender: 'org.mailpush.sender',
  service: 'service',
  success: 'success',
  token: 'token',
  vapid: 'vapid',
} as const;

/** Why a registration failed: `reason` in version 2's Register reply; version 1 gives any text. */
export const failureReasons = {
  internalError: 'INTERNAL_ERROR',
  network: 'NETWORK',
  actionRequired: 'ACTION_REQUIRED',
  vapidRequired: 'VAPID_REQUIRED',
  unauthorized: 'UNAUTHORIZED',
} as const;

/** One of the reasons that the specification names. */
export type FailureReason = (typeof failureReasons)[keyof typeof failureReasons];

/** Limits of what goes over the bus (UnifiedPush D-Bus specification). */
export const unifiedPushLimits = {
  tokenBytes: 100,
  descriptionBytes: 100,
  vapidChars: 87,
  messageBytes: 4096,
} as const;

/** Makes the dictionary that is the only argument, and the only result, of version 2's methods. */
export function stringDict(fields: Readonly<Record<string, string | undefined>>): VariantDict {
  const entries = Object.entries(fields).flatMap(([key, value]) =>
    value === undefined ? [] : [[key, { signature: 's', value }] as const],
  );
  return Object.fromEntries(entries);
}

type Argument = readonly [name: string, type: string, direction: 'in' | 'out'];

function interfaceXml(name: string, methods: Readonly<Record<string, readonly Argument[]>>): string {
  const elements = Object.entries(methods).map(([method, args]) => {
    const lines = args.map(
      ([arg, type, direction]) => `    <arg name="${arg}" type="${type}" direction="${direction}"/>\n`,
    );
    return `  <method name="${method}">\n${lines.join('')}  </method>\n`;
  });
  return `<interface name="${name}">\n${elements.join('')}</interface>`;
}

const dictionaries: readonly Argument[] = [
  ['args', 'a{sv}', 'in'],
  ['res', 'a{sv}', 'out'],
];

/** The `<interface>` elements for introspection. KUnifiedPush chooses version 2 by finding its name in this text. */
export const introspectionXml: Readonly<Record<keyof typeof interfaceNames, string>> = {
  distributor1: interfaceXml(interfaceNames.distributor1, {
    Register: [
      ['serviceName', 's', 'in'],
      ['token', 's', 'in'],
      ['description', 's', 'in'],
      ['registrationResult', 's', 'out'],
      ['registrationResultReason', 's', 'out'],
    ],
    Unregister: [['token', 's', 'in']],
  }),
  distributor2: interfaceXml(interfaceNames.distributor2, { Register: dictionaries, Unregister: dictionaries }),
  connector1: interfaceXml(interfaceNames.connector1, {
    Message: [
      ['token', 's', 'in'],
      ['message', 'ay', 'in'],
      ['messageIdentifier', 's', 'in'],
    ],
    NewEndpoint: [
      ['token', 's', 'in'],
      ['endpoint', 's', 'in'],
    ],
    Unregistered: [['token', 's', 'in']],
  }),
  connector2: interfaceXml(interfaceNames.connector2, {
    Message: dictionaries,
    NewEndpoint: dictionaries,
    Unregistered: dictionaries,
  }),
};
