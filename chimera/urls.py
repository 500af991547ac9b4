"""All addresses. /api/v1/ is the contract; /admin/ the console; /live/ the live pages."""

from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from chimera.kernel.console.site import site as console
from chimera.kernel.http import health
from swarm.live import live

urlpatterns = [
    path("healthz", health.healthz),
    path("readyz", health.readyz),
    path("metrics", health.metrics),
    path("api/schema/", SpectacularAPIView.as_view(authentication_classes=[], permission_classes=[]), name="schema"),
    path(
        "api/docs/",
        SpectacularSwaggerSplitView.as_view(authentication_classes=[], permission_classes=[], url_name="schema"),
        name="docs",
    ),
    path("api/v1/", include("swarm.urls")),
    path("api/v1/", include("commerce.urls")),
    path("api/v1/", include("safety.urls")),
    path("api/v1/", include("memory.urls")),
    path("admin/", console.urls),
    path("live/sessions/<uuid:session_id>/", live, name="live"),
]
handler400 = "chimera.kernel.http.problem.bad_request"
handler404 = "chimera.kernel.http.problem.page_not_found"
handler500 = "chimera.kernel.http.problem.server_error"
