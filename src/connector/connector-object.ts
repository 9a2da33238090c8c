import {
  BusError,
  type BusInterface,
  dictKeys,
  errorNames,
  interfaceNames,
  introspectionXml,
  type MethodCall,
  stringDict,
  type VariantDict,
  variantValue,
} from '../dbus/index.js';

/** What a distributor tells an app, whatever version it speaks. */
export interface ConnectorEvents {
  /**
   * A message; resolves when it has been accepted, rejects when it has not.
   *
   * @param isAnswerRead - version 2 waits for the answer; version 1 does not.
   */
  message(token: string, id: string, data: Uint8Array, isAnswerRead: boolean): Promise<void>;
  newEndpoint(token: string, endpoint: string): void;
  unregistered(token: string): void;
}

/** Both versions of the interface that an app exports for its distributor. */
export function connectorInterfaces(events: ConnectorEvents): readonly BusInterface[] {
  return [
    {
      name: interfaceNames.connector1,
      xml: introspectionXml.connector1,
      methods: {
        Message: {
          in: 'says',
          out: '',
          handle: async ({ args }) => {
            const [token, data, id] = args as readonly [string, Uint8Array, string];
            await events.message(token, id, data, false);
            return [];
          },
        },
        NewEndpoint: {
          in: 'ss',
          out: '',
          handle: ({ args }) => {
            const [token, endpoint] = args as readonly [string, string];
            events.newEndpoint(token, endpoint);
            return [];
          },
        },
        Unregistered: {
          in: 's',
          out: '',
          handle: ({ args }) => {
            events.unregistered(String(args[0]));
            return [];
          },
        },
      },
    },
    {
      name: interfaceNames.connector2,
      xml: introspectionXml.connector2,
      methods: {
        Message: dictionaryMethod(async (dict) => {
          const id = variantValue(dict, dictKeys.id, 's');
          await events.message(required(dict, dictKeys.token), id ?? '', messageOf(dict), true);
          return stringDict({ id });
        }),
        NewEndpoint: dictionaryMethod((dict) => {
          events.newEndpoint(required(dict, dictKeys.token), required(dict, dictKeys.endpoint));
          return {};
        }),
        Unregistered: dictionaryMethod((dict) => {
          events.unregistered(required(dict, dictKeys.token));
          return {};
        }),
      },
    },
  ];
}

function dictionaryMethod(
  handle: (dict: VariantDict) => VariantDict | Promise<VariantDict>,
): BusInterface['methods'][string] {
  return {
    in: 'a{sv}',
    out: 'a{sv}',
    handle: async ({ args }: MethodCall) => [await handle(args[0] as VariantDict)],
  };
}

function required(dict: VariantDict, key: string): string {
  const value = variantValue(dict, key, 's');
  if (value === undefined) throw missing(key);
  return value;
}

/** The specification calls the message both an array of bytes and a string; bytes are what distributors send. */
function messageOf(dict: VariantDict): Uint8Array {
  const text = variantValue(dict, dictKeys.message, 's');
  const data =
    text === undefined ? variantValue(dict, dictKeys.message, 'ay') : new Uint8Array(Buffer.from(text, 'utf8'));
  if (data === undefined) throw missing(dictKeys.message);
  return data;
}

function missing(key: string): BusError {
  return new BusError('ERR_MESSAGE_REFUSED', `The argument "${key}" is missing`, { errorName: errorNames.invalidArgs });
}
