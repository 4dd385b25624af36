import { discussionAnalyticsService } from '@millrace/discussion-analytics'
import { startService } from '@millrace/runtime'
import { serveChild } from '../child.ts'

/** The consuming side is the real service: HTTP, health, metrics and all. */
serveChild({
  start: async () => {
    const service = await startService(discussionAnalyticsService, {
      env: {
        PORT: '0',
        DATABASE_URL: process.env['DATABASE_URL'] ?? '',
        KAFKA_BROKERS: process.env['KAFKA_BROKERS'] ?? '',
        LOG_LEVEL: 'error',
      },
    })
    await service.ready
  },
})
