import { runService } from '@millrace/runtime'
import { discussionAnalyticsService } from './service.ts'

await runService(discussionAnalyticsService)
