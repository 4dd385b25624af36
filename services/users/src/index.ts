export { usersProblems } from './errors.ts'
export { usersService } from './service.ts'
