export { aggregate, createDiscussionInbox } from './consume-discussions.ts'
export { AnalyticsError, analyticsErrors } from './errors.ts'
export { discussionAnalyticsService, migrateAggregates } from './service.ts'
