// @ts-check
/** The report: fetched with the token, since a plain link could not carry it. */

import { call, sessionAddress } from "../sdk/api.js";

/**
 * @param {{session: string, token: string}} access
 * @returns {Promise<string>} a blob's address
 */
async function fetchReport({ session, token }) {
  const response = await call(sessionAddress("", session, "/report"), { token, accept: "text/html" });
  return URL.createObjectURL(new Blob([await response.arrayBuffer()], { type: "text/html" }));
}

/**
 * @param {{session: string, token: string}} access
 * @param {{save: boolean}} how
 */
export async function showReport(access, { save }) {
  const url = await fetchReport(access);
  const anchor = document.createElement("a");
  anchor.href = url;
  if (save) anchor.download = `liveness-report-${access.session}.html`;
  else anchor.target = "_blank";
  anchor.rel = "noopener";
  anchor.click();
  // Long enough for the tab to have read it.
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
