import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseAddress, sessionAddress, systemAddress } from './address.js';
import { BusError } from './errors.js';

function code(run: () => unknown): string | undefined {
  try {
    run();
    return undefined;
  } catch (error) {
    expect(error).toBeInstanceOf(BusError);
    return (error as BusError).code;
  }
}

describe('parseAddress', () => {
  it('reads the path of a unix socket and its guid', () => {
    const guid = '0123456789abcdef0123456789abcdef';
    expect(parseAddress(`unix:path=/run/user/1000/bus,guid=${guid}`)).toEqual([{ path: '/run/user/1000/bus', guid }]);
  });

  it('reads an abstract socket', () => {
    expect(parseAddress('unix:abstract=/tmp/dbus-x')).toEqual([{ path: '\0/tmp/dbus-x', guid: undefined }]);
  });

  it('keeps the order of a list and leaves out what is no unix socket', () => {
    const list = 'tcp:host=localhost,port=1;unix:path=/a;;autolaunch:;unix:tmpdir=/tmp;unix:path=/b;';
    expect(parseAddress(list).map(({ path }) => path)).toEqual(['/a', '/b']);
  });

  it('finds the runtime directory’s bus', () => {
    expect(parseAddress('unix:runtime=yes', { XDG_RUNTIME_DIR: '/run/user/7' })[0]?.path).toBe('/run/user/7/bus');
  });

  it('decodes percent escapes as UTF-8', () => {
    expect(parseAddress('unix:path=/a%20b/%3b%2C%3d/gr%c3%bcn')[0]?.path).toBe('/a b/;,=/grün');
  });

  it.each([
    '',
    ';',
    'nothing',
    'unix:',
    'unix:path=',
    'unix:path',
    'unix:=x',
    'unix:path=/a,path=/b',
    'unix:path=/a,abstract=b',
    'unix:path=/%zz',
    'unix:path=/%0',
    'unix:path=/%00',
    'tcp:host=localhost,port=1',
    'unix:runtime=yes',
    `unix:path=/${'x'.repeat(5000)}`,
  ])('refuses %j', (text) => {
    expect(code(() => parseAddress(text))).toBe('ERR_BUS_ADDRESS');
  });

  it('gives back every path that was escaped', () => {
    const path = fc.string({ unit: 'binary', minLength: 1, maxLength: 20 }).filter((text) => !text.includes('\0'));
    fc.assert(
      fc.property(path, (text) => {
        const bytes = Buffer.from(text, 'utf8');
        const escaped = [...bytes].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('');
        expect(parseAddress(`unix:path=${escaped}`)[0]?.path).toBe(bytes.toString('utf8'));
      }),
    );
  });

  it('throws nothing but typed errors', () => {
    const bits = fc.constantFrom('unix:', 'path=', '%', ';', ',', '=', 'abstract=', '/a', '00', 'guid=', 'ü');
    const text = fc.oneof(
      fc.string(),
      fc.array(bits).map((all) => all.join('')),
    );
    fc.assert(fc.property(text, (one) => void code(() => parseAddress(one))));
  });
});

describe('sessionAddress', () => {
  it('prefers DBUS_SESSION_BUS_ADDRESS to the runtime directory', () => {
    const environment = { DBUS_SESSION_BUS_ADDRESS: 'unix:path=/a', XDG_RUNTIME_DIR: '/run' };
    expect(sessionAddress(environment)).toEqual([{ path: '/a', guid: undefined }]);
    expect(sessionAddress({ ...environment, DBUS_SESSION_BUS_ADDRESS: '' })[0]?.path).toBe('/run/bus');
  });

  it('says what to do outside a session', () => {
    expect(code(() => sessionAddress({}))).toBe('ERR_BUS_ADDRESS');
  });
});

describe('systemAddress', () => {
  it('prefers DBUS_SYSTEM_BUS_ADDRESS to the place that every system has', () => {
    expect(systemAddress({ DBUS_SYSTEM_BUS_ADDRESS: 'unix:path=/a' })).toEqual([{ path: '/a', guid: undefined }]);
    const usual = [{ path: '/var/run/dbus/system_bus_socket', guid: undefined }];
    expect(systemAddress({})).toEqual(usual);
    expect(systemAddress({ DBUS_SYSTEM_BUS_ADDRESS: '' })).toEqual(usual);
    expect(code(() => systemAddress({ DBUS_SYSTEM_BUS_ADDRESS: 'nonsense' }))).toBe('ERR_BUS_ADDRESS');
  });
});
