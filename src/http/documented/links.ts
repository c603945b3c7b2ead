/** Where an answer leads: which operation takes what stands in it. */
const known = {
  getTask: {
    operationId: 'getTask',
    description: 'How far the task is.',
    parameters: { task_id: '$response.body#/task_id' },
  },
  getFirstTask: {
    operationId: 'getTask',
    description: 'How far a task of the page is.',
    parameters: { task_id: '$response.body#/tasks/0/task_id' },
  },
  nextPage: {
    operationId: 'listTasks',
    description: 'The page after this one, unless `next_cursor` is null.',
    parameters: { cursor: '$response.body#/next_cursor' },
  },
  getResults: {
    operationId: 'getResults',
    description: 'The stems, once the task is completed.',
    parameters: { task_id: '$response.body#/task_id' },
  },
  cancelTask: {
    operationId: 'cancelTask',
    description: 'Ends the task before it is completed.',
    parameters: { task_id: '$response.body#/task_id' },
  },
  deleteTask: {
    operationId: 'deleteTask',
    description: 'Removes the task with its files.',
    parameters: { task_id: '$response.body#/task_id' },
  },
  downloadStem: {
    operationId: 'downloadStem',
    description: 'The first of the stems.',
    parameters: { task_id: '$response.body#/task_id', filename: '$response.body#/stems/0/filename' },
  },
  getModel: {
    operationId: 'getModel',
    description: 'One of the models.',
    parameters: { model_type: '$response.body#/models/0/model_type' },
  },
} as const;

export type LinkName = keyof typeof known;

/** The named links, as a response has them. */
export const links = (names: readonly LinkName[]) =>
  Object.fromEntries(names.map((name) => [name, known[name]]));
