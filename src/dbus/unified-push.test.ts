import { describe, expect, it } from 'vitest';
import { interfaceNames, introspectionXml, stringDict } from './unified-push.js';
import { variantValue } from './variant.js';

/** Method, argument, type and direction, in order: the facts of the specification's interface files. */
const facts = {
  distributor1: [
    'Register serviceName s in',
    'Register token s in',
    'Register description s in',
    'Register registrationResult s out',
    'Register registrationResultReason s out',
    'Unregister token s in',
  ],
  distributor2: ['Register', 'Unregister'].flatMap(dictionaries),
  connector1: [
    'Message token s in',
    'Message message ay in',
    'Message messageIdentifier s in',
    'NewEndpoint token s in',
    'NewEndpoint endpoint s in',
    'Unregistered token s in',
  ],
  connector2: ['Message', 'NewEndpoint', 'Unregistered'].flatMap(dictionaries),
};

function dictionaries(method: string): string[] {
  return [`${method} args a{sv} in`, `${method} res a{sv} out`];
}

describe('the introspection text', () => {
  it.each(Object.keys(facts) as (keyof typeof facts)[])('of %s has the specification’s names and types', (key) => {
    const xml = introspectionXml[key];
    expect(xml).toMatch(new RegExp(`^<interface name="${interfaceNames[key].replaceAll('.', '\\.')}">`));
    const found = [...xml.matchAll(/<method name="(\w+)">(.*?)<\/method>/gs)].flatMap(([, method, inside = '']) =>
      [...inside.matchAll(/<arg name="(\w+)" type="([^"]+)" direction="(\w+)"\/>/g)].map(
        ([, name, type, direction]) => `${method} ${name} ${type} ${direction}`,
      ),
    );
    expect(found).toEqual(facts[key]);
  });
});

describe('a dictionary', () => {
  it('of strings leaves out what is not given', () => {
    expect(stringDict({ token: 'x', vapid: undefined })).toEqual({ token: { signature: 's', value: 'x' } });
  });

  it('gives a value only when it has the type', () => {
    const dict = { ...stringDict({ token: 'x' }), message: { signature: 'ay', value: new Uint8Array([1]) } };
    expect(variantValue(dict, 'token', 's')).toBe('x');
    expect(variantValue(dict, 'token', 'ay')).toBeUndefined();
    expect(variantValue(dict, 'message', 'ay')).toEqual(new Uint8Array([1]));
    expect(variantValue(dict, 'toString', 's')).toBeUndefined();
  });
});
