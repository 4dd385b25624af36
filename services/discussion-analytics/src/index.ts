export { AnalyticsError, analyticsErrors } from './errors.ts'
export { discussionAnalyticsService } from './service.ts'
