"""A stored answer says what it is about, so that those with a certain kind of texts can be dropped."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("kernel", "0003_login_attempts")]

    operations = [
        migrations.AddField(
            model_name="answer",
            name="noun",
            field=models.CharField(db_default="", max_length=40),
        ),
    ]
