import fc from 'fast-check';
import { expect, it } from 'vitest';
import { addresses } from '../../test/tools/notify-arbitraries.js';
import { listAddresses } from './from-list.js';

it.each([
  ['', []],
  ['push@app.example', ['push@app.example']],
  ['<push@app.example>', ['push@app.example']],
  ['App <push@app.example>', ['push@app.example']],
  ['"App, Inc. <x@y>" <push@app.example> (a, (b), c)', ['push@app.example']],
  ['"a\\", b" <push@app.example>', ['push@app.example']],
  ['a@b, C <c@d>', ['a@b', 'c@d']],
  ['Team: a@b, c@d;', ['a@b', 'c@d']],
  ['Undisclosed:;', []],
  [' , ,a@b,, ', ['a@b']],
  ['no address', ['no address']],
])('lists the addresses of %j', (value, expected) => {
  expect(listAddresses(value)).toEqual(expected);
});

it('counts every plain address, up to 32', () => {
  fc.assert(
    fc.property(fc.array(addresses, { maxLength: 40 }), (list) => {
      expect(listAddresses(list.join(', '))).toEqual(list.slice(0, 32));
    }),
  );
});

it('takes any text', () => {
  const piece = fc.constantFrom('"', '\\', '(', ')', '<', '>', ',', ';', ':', 'a', '@', ' ');
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
      for (const address of listAddresses(pieces.join(''))) expect(address).not.toBe('');
    }),
  );
});
