import { styleText } from 'node:util';

/** Tells what happens, a line for each step with its time. */
export interface Narrator {
  title(text: string): void;
  /** A step; times count from the last title. */
  step(what: string, detail: string): void;
  /** Something of its own line, such as a command to copy. */
  line(text: string): void;
}

const labelWidth = 12;
const timeWidth = 9;

/** Writes to a stream: with colours in a terminal, plain when piped. */
export function createNarrator(stream: NodeJS.WriteStream): Narrator {
  const styled = stream.isTTY === true && process.env.NO_COLOR === undefined;
  const style = (format: Parameters<typeof styleText>[0], text: string): string =>
    styled ? styleText(format, text) : text;
  let start = performance.now();
  const write = (text: string): void => {
    stream.write(`${text}\n`);
  };
  return {
    title: (text) => {
      start = performance.now();
      write(`\n${style('bold', text)}`);
    },
    step: (what, detail) => {
      const time = `${Math.round(performance.now() - start)} ms`.padStart(timeWidth);
      write(`${style('dim', time)}  ${style('green', what.padEnd(labelWidth))}${detail}`);
    },
    line: write,
  };
}
