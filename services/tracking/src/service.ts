import {
  discussionEvents,
  servicePorts,
  trackingAlertEvents,
  userEvents,
} from '@millrace/contracts'
import { ContractRegistry } from '@millrace/events'
import { createOutbox } from '@millrace/outbox'
import { ensureOwnDatabase, migrate, openDatabase } from '@millrace/postgres'
import { archiveOldDays, callerWithRole, defineService, type ServiceApp } from '@millrace/runtime'
import { AlertMonitor } from './alerts/alert-monitor.ts'
import { AlertPublishing } from './alerts/alert-publishing.ts'
import { readFigures } from './alerts/read-figures.ts'
import { trackingConfig, type TrackingConfig } from './config.ts'
import type { AlertThresholds } from './domain/alert-rules.ts'
import { gaugeFigures } from './metrics.ts'
import { registerAlerts } from './routes/alerts.ts'
import { registerArchive } from './routes/archive.ts'
import { basePath } from './routes/context.ts'
import { registerCounts } from './routes/counts.ts'
import { registerEvents } from './routes/events.ts'
import { registerFailures } from './routes/failures.ts'
import { registerGroups } from './routes/groups.ts'
import { registerJourneys } from './routes/journeys.ts'
import { registerOperations } from './routes/operations.ts'
import { RepublishOperations } from './republish/republish-operations.ts'
import { RepublishWorker } from './republish/republish-worker.ts'
import { parseSourceTable } from './sources/source-table.ts'
import type { Source } from './sources/source.ts'
import { TrackedLogs } from './sources/tracked-logs.ts'
import { TrackedOperations } from './sources/tracked-operations.ts'

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
    // Of the shop's contracts those of people alone have secret fields, which payloads are shown without.
    const contracts = new ContractRegistry([
      ...discussionEvents,
      ...trackingAlertEvents,
      ...userEvents,
    ])
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
    const sourceOf = (service: string): Source => logs.sourceOf(service)
    const worker = new RepublishWorker({ database, sourceOf, logger, clock })
    const republish = new RepublishOperations({ database, sourceOf, onDue: () => worker.wake() })

    onStart(async () => {
      await ensureOwnDatabase(database)
      await outbox.migrate()
      await migrate(database, { directory: migrations, name: 'tracking' })
    }, 'database')
    onStart(() => monitor.start(), 'alerts')
    onStart(() => worker.start(), 'operations')
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
    onClose(() => worker.close())
    archiveOldDays({ config, onStart, onClose }, { production: outbox })
    addReadiness('database', async () => (await database.query('select 1')).rowCount === 1)

    const routes = { app, logs, contracts, database, logger }
    const now = (): number => clock.now()
    if (config.mode === 'production') letInStaffAlone(app)
    registerEvents(routes)
    registerJourneys(routes)
    registerCounts(routes, now)
    registerFailures(routes, now)
    const tracked = new TrackedOperations(logs, republish)
    registerOperations(routes, tracked)
    registerGroups(routes, tracked)
    registerArchive(routes)
    registerAlerts(routes)
  },
})

/** Payloads of everybody's events, and acts that repeat effects, are not for customers. Health, metrics and docs are asked without a name. */
function letInStaffAlone(app: ServiceApp): void {
  app.addHook('preValidation', async (request) => {
    // By the route, not by the address: that may be written in more than one way.
    if (request.routeOptions.url?.startsWith(basePath)) callerWithRole(request, 'staff', 'admin')
  })
}

function thresholdsOf(config: TrackingConfig): AlertThresholds {
  return {
    pendingCount: config.alertPendingCount,
    pendingAgeMs: config.alertPendingAgeMs,
    processingCount: config.alertProcessingCount,
    failurePercent: config.alertFailurePercent,
  }
}
