const link = (operationId: string, description: string, parameters: Record<string, string>) => ({
  operationId,
  description,
  parameters,
});
const ofTask = { task_id: '$response.body#/task_id' };

/** OpenAPI links: the operations that take a value of a response as a parameter. */
const known = {
  getTask: link('getTask', 'The status and progress of the task.', ofTask),
  getFirstTask: link('getTask', 'The status and progress of a task of the page.', {
    task_id: '$response.body#/tasks/0/task_id',
  }),
  nextPage: link('listTasks', 'The next page, unless `next_cursor` is null.', {
    cursor: '$response.body#/next_cursor',
  }),
  getResults: link('getResults', 'The stems, once the task is completed.', ofTask),
  cancelTask: link('cancelTask', 'Cancels the task.', ofTask),
  deleteTask: link('deleteTask', 'Deletes the task and its files.', ofTask),
  downloadStem: link('downloadStem', 'The first of the stems.', {
    ...ofTask,
    filename: '$response.body#/stems/0/filename',
  }),
  getModel: link('getModel', 'One of the models.', { model_type: '$response.body#/models/0/model_type' }),
};

export type LinkName = keyof typeof known;

/** Returns the named links for a documented response. */
export const links = (names: readonly LinkName[]) =>
  Object.fromEntries(names.map((name) => [name, known[name]]));
