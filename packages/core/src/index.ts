export { assert, InvariantError, unreachable } from './assert.ts'
export { backoffMs, type BackoffOptions } from './backoff.ts'
export { systemClock, type Clock, type Timer } from './clock.ts'
export { SimulatedClock } from './simulated-clock.ts'
export { isAbortError, MillraceError, toError, type ErrorTable } from './errors.ts'
export { faults } from './faults.ts'
export { Gathering, type GatheringOptions } from './gathering.ts'
export { silentLogger, type Logger, type LogFields } from './logger.ts'
export {
  noopMeter,
  type Counter,
  type Gauge,
  type Histogram,
  type InstrumentOptions,
  type Labels,
  type Meter,
} from './meter.ts'
export { randomInt, seededRandom, systemRandom, type Random } from './random.ts'
export {
  noopTracer,
  type Span,
  type SpanAttributes,
  type SpanKind,
  type SpanOptions,
  type Tracer,
} from './tracer.ts'
export { createUuidV7, derivedUuid, isUuid, uuidLowerBound, uuidTimeMs, uuidv7 } from './uuid.ts'
export { Wakeup } from './wakeup.ts'
