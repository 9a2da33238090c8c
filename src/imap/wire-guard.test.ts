import { describe, expect, it } from 'vitest';
import { boundHeaders, isAllowed } from './wire-guard.js';

describe('what is sent', () => {
  it.each([
    'EXPUNGE',
    'expunge',
    'CLOSE',
    'UNSELECT',
    'STORE',
    'FETCH',
    'MOVE',
    'COPY',
    'UID COPY',
    'DELETE',
    'RENAME',
    'APPEND',
    'SETACL',
  ])('is never %s', (command) => {
    expect(isAllowed(command)).toBe(false);
  });

  it.each(['UID FETCH', 'UID STORE', 'UID EXPUNGE', 'UID MOVE', 'uid search', 'IDLE', 'LOGOUT'])(
    'may be %s',
    (command) => {
      expect(isAllowed(command)).toBe(true);
    },
  );
});

describe('a question for header fields', () => {
  const fields = { type: 'ATOM', value: 'BODY.PEEK', section: [{ type: 'ATOM', value: 'HEADER.FIELDS' }, []] };

  it('is bounded, wherever it stands', () => {
    const set = { type: 'SEQUENCE', value: '1:*' };
    expect(boundHeaders([set, [{ type: 'ATOM', value: 'UID' }, fields]])).toEqual([
      set,
      [
        { type: 'ATOM', value: 'UID' },
        { ...fields, partial: [0, 2048] },
      ],
    ]);
    expect(boundHeaders([set, fields])).toEqual([set, { ...fields, partial: [0, 2048] }]);
  });

  it.each([
    [false],
    [undefined],
    [null],
    ['text'],
    [[]],
    [[{ type: 'ATOM', value: 'BODY.PEEK', section: [], partial: [0, 100] }]],
  ])('is the only thing that is changed, not %j', (argument) => {
    expect(boundHeaders(argument)).toEqual(argument);
  });
});
