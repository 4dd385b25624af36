export {
  brokerPort,
  gatewayRoutes,
  postgresPort,
  serviceDatabases,
  servicePorts,
  type ServiceName,
} from './addresses.ts'
export {
  commentAdded,
  commentDeleted,
  commentEdited,
  discussionEvents,
  discussionTimes,
  threadCreated,
  threadDeleted,
  threadEdited,
  threadViewed,
  voteCast,
  VoteKindSchema,
  voteWithdrawn,
} from './discussion-events.ts'
export {
  deadLetterTopicOf,
  discussionEventsTopic,
  trackingAlertsTopic,
  type TopicDefinition,
} from './topics.ts'
export {
  alertRaised,
  alertRecovered,
  AlertRuleSchema,
  trackingAlertEvents,
} from './tracking-alerts.ts'
