/** Version of the API that every command speaks. */
export { CLIENT_API_VERSION } from '../client/client.js';
