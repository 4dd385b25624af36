import { servicePorts } from '@millrace/contracts'
import { defineService, RuntimeError, type PartReadiness } from '@millrace/runtime'
import { orderSagaConfig } from './config.ts'
import { answerPeer } from './peers.ts'
import { registerOrdersTable } from './routes/orders-table.ts'
import { registerPausing } from './routes/pausing.ts'
import { registerStores } from './routes/stores.ts'
import { registerStreamApp } from './routes/stream-app.ts'
import { SagaApp } from './saga-app.ts'
import { TallyingMeter } from './tallying-meter.ts'

/** Longest wait for the figures of another instance: the gateway itself waits 1.5 s for ours, ms. */
const figuresTimeoutMs = 1_000

/** The order saga: joins the answers of payments and stock and decides each order; the table of orders. */
export const orderSagaService = defineService({
  name: 'order-saga',
  version: '0.1.0',
  description:
    'The order saga: joins the answers of payments and stock, decides each order once, and has the table of orders. A stream app, exactly-once.',
  port: servicePorts['order-saga'],
  config: orderSagaConfig,
  setup({ app, config, logger, meter, clock, addReadiness, addReadinessParts, onStart, onClose }) {
    const { joinWindowMs, timeoutMs, commitIntervalMs } = config
    if (timeoutMs < joinWindowMs)
      throw new RuntimeError(
        'MR_RUNTIME_BAD_CONFIG',
        `SAGA_TIMEOUT is ${timeoutMs} ms and SAGA_JOIN_WINDOW ${joinWindowMs} ms: orders would end before their answers can be joined. Nothing was started; make the time-out at least as long as the window.`,
        { timeoutMs, joinWindowMs },
      )
    if (commitIntervalMs >= config.transactionTimeoutMs)
      throw new RuntimeError(
        'MR_RUNTIME_BAD_CONFIG',
        `STREAM_COMMIT_INTERVAL is ${commitIntervalMs} ms and STREAM_TRANSACTION_TIMEOUT ${config.transactionTimeoutMs} ms: transactions would end before their commit. Nothing was started; make the time-out the longer one.`,
        { commitIntervalMs, transactionTimeoutMs: config.transactionTimeoutMs },
      )
    const tallying = new TallyingMeter(meter)
    const saga = new SagaApp({
      config,
      logger,
      meter: tallying,
      clock,
      answerPeer: (request) => answerPeer(app, request),
    })
    const isForStaff = config.mode === 'production'
    const nowMs = (): number => clock.now()
    registerOrdersTable(app, { saga, timeoutMs: config.queryTimeoutMs, isForStaff })
    registerStreamApp(app, {
      saga,
      meter: tallying,
      settings: { joinWindowMs, timeoutMs, commitIntervalMs },
      nowMs,
      peerTimeoutMs: Math.min(config.queryTimeoutMs, figuresTimeoutMs),
      isForStaff,
    })
    registerStores(app, { saga, timeoutMs: config.queryTimeoutMs, nowMs, isForStaff })
    registerPausing(app, { saga, timeoutMs: config.queryTimeoutMs, isForAdmins: isForStaff })
    if (!config.kafkaEnabled) {
      addReadinessParts(() => Promise.resolve([switchedOff]))
      return
    }
    addReadiness('stream app', () => saga.readiness)
    addReadinessParts(async () => (saga.pausing.isPaused ? [paused] : []))
    // In the background: the service listens, and says what it waits for, while the broker is away.
    onStart(() => saga.start(), 'stream app')
    onClose(() => saga.close())
  },
})

/** It is as ready as somebody wants it to be. Who that is and why is for those who may read the page of streams; health is for anybody. */
const paused: PartReadiness = {
  name: 'saga',
  state: 'up',
  reason: 'paused; who wanted that and why: /api/streams/order-saga. Orders wait on their topics',
}

const switchedOff: PartReadiness = {
  name: 'stream app',
  state: 'up',
  reason: 'switched off by KAFKA_ENABLED=false: orders wait on their topics',
}
