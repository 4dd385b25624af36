import { discussionEvents, servicePorts, trackingAlertEvents } from '@millrace/contracts'
import { ContractRegistry } from '@millrace/events'
import { createOutbox } from '@millrace/outbox'
import { ensureOwnDatabase, migrate, openDatabase } from '@millrace/postgres'
import { defineService } from '@millrace/runtime'
import { AlertMonitor } from './alerts/alert-monitor.ts'
import { AlertPublishing } from './alerts/alert-publishing.ts'
import { readFigures } from './alerts/read-figures.ts'
import { trackingConfig, type TrackingConfig } from './config.ts'
import type { AlertThresholds } from './domain/alert-rules.ts'
import { gaugeFigures } from './metrics.ts'
import { registerAlerts } from './routes/alerts.ts'
import { registerCounts } from './routes/counts.ts'
import { registerEvents } from './routes/events.ts'
import { registerFailures } from './routes/failures.ts'
import { registerGroups } from './routes/groups.ts'
import { registerJourneys } from './routes/journeys.ts'
import { registerOperations } from './routes/operations.ts'
import { parseSourceTable } from './sources/source-table.ts'
import { TrackedLogs } from './sources/tracked-logs.ts'

const migrations = new URL('../migrations/', import.meta.url)

/** Every event's life over all services, read where it stands: in the logs of each service's own database. */
export const trackingService = defineService({
  name: 'tracking',
  version: '0.1.0',
  description:
    'Every event’s life over all services: search, journeys, figures, failures, alerts. Reads the logs in the databases of the services, so a service that is down is seen as well.',
  port: servicePorts.tracking,
  config: trackingConfig,
  setup({ app, config, logger, meter, tracer, clock, addReadiness, onStart, onClose }) {
    const database = openDatabase({
      url: config.databaseUrl,
      applicationName: 'tracking',
      maxConnections: 4,
      logger,
      meter,
    })
    onClose(() => database.close())
    const logs = new TrackedLogs({
      entries: parseSourceTable(config.databases),
      maxConnections: config.maxConnections,
      timeoutMs: config.sourceTimeoutMs,
      lookAgainMs: config.lookAgainMs,
      logger,
      clock,
    })
    onClose(() => logs.close())
    const contracts = new ContractRegistry([...discussionEvents, ...trackingAlertEvents])
    const outbox = createOutbox({
      database,
      serviceName: 'tracking',
      contracts,
      logger,
      meter,
      tracer,
      clock,
    })
    const monitor = new AlertMonitor({
      readFigures: () =>
        readFigures(logs.sources, {
          timeoutMs: config.sourceTimeoutMs,
          failureWindowMs: config.alertFailureWindowMs,
          clock,
        }),
      database,
      outbox,
      thresholds: thresholdsOf(config),
      intervalMs: config.alertIntervalMs,
      holdMs: config.alertHoldMs,
      logger,
      meter,
      clock,
    })
    gaugeFigures(meter, monitor)

    onStart(async () => {
      await ensureOwnDatabase(database)
      await outbox.migrate()
      await migrate(database, { directory: migrations, name: 'tracking' })
    }, 'database')
    onStart(() => monitor.start(), 'alerts')
    if (config.kafkaEnabled) {
      const publishing = new AlertPublishing({
        brokers: config.kafkaBrokers,
        outbox,
        logger,
        meter,
        clock,
      })
      onClose(() => publishing.close())
      onStart(() => publishing.start(), 'relay')
    }
    onClose(() => monitor.close())
    addReadiness('database', async () => (await database.query('select 1')).rowCount === 1)

    const routes = { app, logs, contracts, database, logger }
    const now = (): number => clock.now()
    registerEvents(routes)
    registerJourneys(routes)
    registerCounts(routes, now)
    registerFailures(routes, now)
    registerOperations(routes)
    registerGroups(routes)
    registerAlerts(routes)
  },
})

function thresholdsOf(config: TrackingConfig): AlertThresholds {
  return {
    pendingCount: config.alertPendingCount,
    pendingAgeMs: config.alertPendingAgeMs,
    processingCount: config.alertProcessingCount,
    failurePercent: config.alertFailurePercent,
  }
}
