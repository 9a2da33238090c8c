import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MailpushError } from '../errors.js';
import { PushError } from '../sender/index.js';
import { explain } from './explain.js';

const refused = new MailpushError('ERR_X', 'It did not work: do that.', {
  cause: new Error('over', { cause: Object.assign(new Error('under'), { code: 'ECONNREFUSED' }) }),
});

describe('an error on the terminal', () => {
  it('is one line', () => {
    expect(explain(refused, false)).toBe('mailpush: It did not work: do that.');
  });

  it('has its code and its causes with --verbose', () => {
    expect(explain(refused, true)).toBe(
      'mailpush: It did not work: do that. [ERR_X]\n  because: Error: over\n  because: Error: under (ECONNREFUSED)',
    );
  });

  it('has the causes of several addresses with --verbose', () => {
    const cause = new AggregateError([new Error('::1'), new Error('127.0.0.1')], 'all');
    const lines = explain(new MailpushError('ERR_X', 'No.', { cause }), true)
      .split('\n')
      .slice(1);
    expect(lines).toEqual(['  because: AggregateError: all', '  because: Error: ::1', '  because: Error: 127.0.0.1']);
  });

  it('ends when the causes go in a circle', () => {
    const one = new Error('one');
    one.cause = new Error('two', { cause: one });
    expect(explain(new MailpushError('ERR_X', 'No.', { cause: one }), true).split('\n')).toHaveLength(3);
  });

  it('has the words of the mail server', () => {
    const error = new PushError('ERR_SMTP_REFUSED', 'No.', { smtpResponse: '554-5.7.1 One\r\n554 5.7.1 Two' });
    expect(explain(error, false)).toBe('mailpush: No. The server said: 554-5.7.1 One 554 5.7.1 Two');
  });

  it('that is not ours says so, and has its stack with --verbose', () => {
    expect(explain(new TypeError('x is not a function'), false)).toBe(
      'mailpush: x is not a function (--verbose tells more)',
    );
    expect(explain(new TypeError('x is not a function'), true)).toMatch(/^mailpush: x is not a function\n +at /);
    expect(explain('thrown', true)).toBe('mailpush: thrown');
  });

  it('never holds what moves a cursor, whatever anybody said', () => {
    const text = fc.string({ unit: 'binary' });
    fc.assert(
      fc.property(text, text, text, fc.boolean(), (message, words, under, verbose) => {
        const cause = new Error(under);
        const ours = new PushError('ERR_SMTP_REFUSED', message, { smtpResponse: words, cause });
        for (const error of [ours, new Error(message, { cause }), message]) {
          const lines = explain(error, verbose).split('\n');
          for (const line of lines) expect(line).not.toMatch(/[\p{Cc}\u2028\u2029\u202e]/u);
          if (!verbose) expect(lines).toHaveLength(1);
        }
      }),
    );
  });
});
