"use strict";
SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#api",
  deepLinking: true,
  displayRequestDuration: true,
  docExpansion: "none",
  filter: true,
  // A key that is typed in is kept by this page alone, and only while it is open.
  persistAuthorization: false,
  // Without it the page would ask another host whether the description is valid.
  validatorUrl: null,
});
