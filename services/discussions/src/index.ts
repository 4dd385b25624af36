export { discussionsProblems } from './errors.ts'
export { discussionsService } from './service.ts'
