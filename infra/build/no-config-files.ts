/**
 * The SDK looks for a setting in the environment, then in the configuration files, and then takes the default. On
 * Lambda there are no configuration files.
 */
export const fromSharedConfigFiles = () => () =>
  Promise.reject(Object.assign(new Error('There are no configuration files'), { tryNextLink: true }))
