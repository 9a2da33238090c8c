// Loaded into a process before its own code (NODE_OPTIONS=--import …): its clock is MAILPUSH_CLOCK_SHIFT_MS ahead of the
// machine's. Timers run as always.
const RealDate = Date;
const shiftMs = Number(process.env.MAILPUSH_CLOCK_SHIFT_MS);
const now = () => RealDate.now() + shiftMs;

globalThis.Date = new Proxy(RealDate, {
  construct: (target, args, newTarget) => Reflect.construct(target, args.length === 0 ? [now()] : args, newTarget),
  apply: () => new RealDate(now()).toString(),
  get: (target, key) => (key === 'now' ? now : Reflect.get(target, key)),
});
