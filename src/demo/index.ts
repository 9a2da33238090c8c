/** The demonstration, and the embedded servers that it and the tests run on. */
export { type DemoOptions, runDemo } from './demo.js';
